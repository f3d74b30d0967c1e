"""From what the user asked for to the float program. In come a NetworkSpec and photos.

`prepare` is the whole way; `user` runs code that is not ours; `rewrites` and `simplify` bring a
graph into the few forms that all stages know, and `proofs` holds each of them to the network.
"""
