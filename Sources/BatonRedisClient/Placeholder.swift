// BatonRedisClient
