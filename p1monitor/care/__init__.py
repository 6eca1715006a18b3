"""Looking after a history: copies of it, what is taken out of it, and what is taken over from elsewhere."""
