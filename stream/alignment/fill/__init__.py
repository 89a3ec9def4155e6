"""The fill of what the person's camera did not see: from other frames first, then generated."""
