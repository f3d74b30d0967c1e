"""What harness and runners say to each other, and what can go wrong between them."""
