"""What `import matdisc` offers: evaluate, score, compare, submit and load data sets from Python."""
