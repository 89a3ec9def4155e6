"""View alignment on scenes of which everything is known: what is visible in both views, and each pixel's depth."""
