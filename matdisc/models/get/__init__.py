"""The graph equivariant transformer: a trainable force field for molecules, liquids and crystals."""
