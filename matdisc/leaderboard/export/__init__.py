"""Cards and results in the formats of other catalogues: Croissant, the Hugging Face Hub, JSON Schema."""
