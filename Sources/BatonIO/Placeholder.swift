// BatonIO
