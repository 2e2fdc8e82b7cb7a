"""What may happen at every arrival point: the model, scripts of events, and the sweep of a ROM."""
