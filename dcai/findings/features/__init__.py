"""Features: columns, texts and pictures as vectors that models can look at."""
