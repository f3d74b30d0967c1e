"""One file a backend: a program and a Spec in, an artifact out. `interface` says what each has."""
