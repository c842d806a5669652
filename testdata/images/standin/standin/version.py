"""The Kubernetes version that the stand-in plays; the assembler writes the wanted one here."""
VERSION = "v1.28.0"
