"""What a user does on a host: runs, synced folders, results, trials."""
