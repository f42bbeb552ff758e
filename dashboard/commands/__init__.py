"""The commands of `aftercare`, one file a topic. Heavy libraries are imported inside the commands that need them."""
