"""One protocol migration, phase by phase (DESIGN, promises 3 and 4): each module carries out a part of it.

A phase is stored before its work begins, and the switch is one transaction, so that a gateway which is killed
anywhere leaves a migration that the next one can finish or undo.
"""
