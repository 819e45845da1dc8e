"""The end-to-end suite: steps that any `House` must go through, whatever it runs on."""
