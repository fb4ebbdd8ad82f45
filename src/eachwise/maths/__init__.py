"""Small pure mathematics: decay, stable hashing, seeded draws, linear Bayes, intervals. Arrays in, arrays out."""
