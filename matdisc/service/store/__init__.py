"""What the service remembers: submissions, attempts, results, teams, tokens and events, in one SQL database."""
