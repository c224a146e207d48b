"""Real servers: MLflow's, PostgreSQL's, and a proxy that spoils connections."""
