"""From a closed segment to its description: selection, queue, batches, requests, responses, cost."""
