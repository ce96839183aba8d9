"""What `import matdisc` offers: evaluate, score, compare and load data sets from Python."""
