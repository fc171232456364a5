// BatonRemote
