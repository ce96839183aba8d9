"""The engine: units of work over Ray, and the durable record."""
