"""Scripts that print figures; README.md says what each measures. Never part of the product."""
