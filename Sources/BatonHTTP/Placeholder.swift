// BatonHTTP
