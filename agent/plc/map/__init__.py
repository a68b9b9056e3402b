"""The register map for people and for PLC tools: as table, Markdown, CSV and Structured Text."""
