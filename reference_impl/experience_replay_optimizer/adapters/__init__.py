"""Replay buffers of this package under the interfaces of other libraries; each module needs the library it is for."""
