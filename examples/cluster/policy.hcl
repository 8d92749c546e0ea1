# What the operator's login may do in Vault.
path "secret/data/app/*" {
  capabilities = ["read"]
}

path "secret/data/database/*" {
  capabilities = ["read"]
}

path "secret/data/external-apis/*" {
  capabilities = ["read"]
}

path "auth/jwt/login" {
  capabilities = ["create", "read"]
}
