"""Workers of the submission service: they lease submissions, evaluate them on Ray, and publish to the board."""
