module example.com/plugin-name

go 1.26

require go.bytecodealliance.org/pkg v0.4.0

replace go.bytecodealliance.org/pkg => ./third_party/go-pkg
