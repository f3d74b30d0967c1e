"""Published weights: where they are, and what belongs to them."""
