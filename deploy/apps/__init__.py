"""The demo apps: what each reads of a bundle, and putting bundles into their projects."""
