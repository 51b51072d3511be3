"""What becomes of a batch: how it is taken apart, and whether learning by it is replay or goes by a rollout."""
