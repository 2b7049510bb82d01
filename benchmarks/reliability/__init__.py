"""What the service withstands: kills, hostile uploads, every request that its OpenAPI document allows."""
