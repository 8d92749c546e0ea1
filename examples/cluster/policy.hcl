path "secret/data/app/*" {
  capabilities = ["read"]
}

path "secret/data/database/*" {
  capabilities = ["read"]
}

path "secret/data/external-apis/*" {
  capabilities = ["read"]
}
