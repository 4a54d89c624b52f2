// Package auth makes and checks what proves who somebody is. It knows no user
// and reads no clock: hashes, keys and times are handed in. The one thing that
// it keeps is the key set that a KeySource has fetched.
//
//	passwords        argon2id in PHC form                       password.go
//	agents' tokens   ekt_ and 256 random bits; opaque           token.go
//	services' keys   eks_ likewise, or a string of their own    token.go
//	visitors' tokens signed by the cell, stateless              visitor.go
//	signed tokens    JSON Web Tokens that an operator's site    jwt.go, claims.go
//	                 makes: who a customer or a user is
//	their keys       a JSON Web Key Set, fetched and kept       jwks.go, jwk.go
//
// Of a random token the desk knows the SHA-256 only: it has too many bits to
// guess, so a slow hash would add nothing. A visitor's token is known to nobody:
// its signature proves that the cell issued it, so that a visitor who only
// looks leaves nothing behind.
package auth
