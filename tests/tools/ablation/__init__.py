"""What carries the weight: encoders and detector settings, compared on the same clips."""
