// BatonServer
