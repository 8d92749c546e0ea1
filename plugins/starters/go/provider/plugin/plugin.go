// Package plugin is the provider plugin-name: what a store needs, and `GET <url>/<key>`, which reads a secret. It does
// not know the host: requests go through Reader.Send, so that all of it is tested natively.
package plugin

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	connection "example.com/plugin-name/imports/claviger_plugin_connection"
	provider "example.com/plugin-name/imports/claviger_plugin_provider"
	claviger "example.com/plugin-name/imports/claviger_plugin_types"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

//go:embed config-schema.json
var schema string

// The slot of the token, and where the store's manifest names its Secret. A plugin asks for a place and not for a name:
// the host reads there which Secret it is, and the schema marks the place (`x-claviger: secretRef`).
const tokenSlot, tokenAt = "token", "/tokenSecretRef"

// Request is what is sent.
type Request struct {
	Method, URL string
	Header      map[string]string
	Body        []byte
}

// Answer is what comes back, whole. Names of header fields are in lower case.
type Answer struct {
	Status int
	Header map[string]string
	Body   []byte
}

// Reader reads through Send.
type Reader struct {
	Send func(Request) (Answer, error)
}

// config is the provider's object of a store. The host has checked it against the schema.
type config struct {
	URL            string
	TokenSecretRef *struct{ Namespace string }
}

func parse(session connection.ConnectInput) (config, *claviger.Error) {
	var read config
	if json.Unmarshal([]byte(session.Config), &read) != nil {
		wrong := claviger.MakeErrorInvalidConfig(claviger.ConfigError{Detail: "it is not what the schema says"})
		return read, &wrong
	}
	read.URL = strings.TrimRight(read.URL, "/")
	return read, nil
}

// Connect says what a store needs before it can be read. Without network, in rounds.
func Connect(input connection.ConnectInput) wit.Result[connection.Step, claviger.Error] {
	config, wrong := parse(input)
	if wrong != nil {
		return wit.Err[connection.Step](*wrong)
	}
	// First round: the token, if there is one. The host resolves it and asks again.
	if config.TokenSecretRef != nil && len(input.Have) == 0 {
		token := connection.ObjectNeed{
			Slot: tokenSlot, At: tokenAt, Kind: connection.ObjectKind_Secret, DefaultKey: wit.Some("token"),
		}
		return step(connection.MakeStepNeed([]connection.Need{connection.MakeNeedObject(token)}))
	}
	base, err := url.Parse(config.URL)
	if err != nil {
		wrong := claviger.ConfigError{Path: "/url", Detail: "it is no URL"}
		return wit.Err[connection.Step](claviger.MakeErrorInvalidConfig(wrong))
	}
	// The only place that can be reached afterwards. It stands in the store's config, or it had to be granted.
	origin := connection.Origin{
		Url:     base.Scheme + "://" + base.Host,
		Reach:   connection.Reach_Network,
		Paths:   []string{base.EscapedPath() + "/"},
		Purpose: "the secrets' server",
	}
	ready := connection.Ready{Origins: []connection.Origin{origin}, Account: wit.Some("")}
	// A ClusterSecretStore that leaves the namespace out takes the token of whoever asks: then no two namespaces may
	// share an answer.
	if token := config.TokenSecretRef; input.Store.Namespace.IsNone() && token != nil && token.Namespace == "" {
		ready.Partition = wit.Some(input.Requester.Namespace)
	}
	return step(connection.MakeStepReady(ready))
}

func step(next connection.Step) wit.Result[connection.Step, claviger.Error] {
	return wit.Ok[connection.Step, claviger.Error](next)
}

// Describe says what the plugin is.
func Describe() provider.Description {
	return provider.Description{
		Name:          "plugin-name",
		Version:       "0.1.0",
		ConfigSchema:  schema,
		Capabilities:  provider.Capability_Get,
		PropertyOrder: []provider.PropertyStep{provider.PropertyStep_Literal, provider.PropertyStep_Path},
		Origins:       []string{"the store's url"},
		MaxBatch:      20,
	}
}

// Validate is the cheapest call that shows that the store works.
func (reader Reader) Validate(session provider.Session) wit.Result[provider.Health, claviger.Error] {
	// What lies at the url itself is nobody's business: the token was taken.
	if _, wrong := reader.read(session, ""); wrong != nil && wrong.Tag() != claviger.Error_NotFound {
		return wit.Err[provider.Health](*wrong)
	}
	return wit.Ok[provider.Health, claviger.Error](provider.MakeHealthReady())
}

// Get answers each item, in order.
func (reader Reader) Get(session provider.Session, items []provider.Item) wit.Result[[]wit.Result[provider.Value, claviger.Error], claviger.Error] {
	var answers []wit.Result[provider.Value, claviger.Error]
	for _, item := range items {
		value, wrong := reader.one(session, item)
		if wrong != nil {
			answers = append(answers, wit.Err[provider.Value](*wrong))
		} else {
			answers = append(answers, wit.Ok[provider.Value, claviger.Error](value))
		}
	}
	return wit.Ok[[]wit.Result[provider.Value, claviger.Error], claviger.Error](answers)
}

// Find is not supported.
func (Reader) Find(provider.Session, provider.Query, wit.Option[string]) wit.Result[provider.Page, claviger.Error] {
	return wit.Err[provider.Page](claviger.MakeErrorUnsupported("plugin-name cannot list its keys"))
}

func (reader Reader) one(session provider.Session, item provider.Item) (provider.Value, *claviger.Error) {
	if item.Version.IsSome() || item.Facet == provider.Facet_Metadata {
		wrong := claviger.MakeErrorUnsupported("plugin-name has neither versions nor metadata")
		return provider.Value{}, &wrong
	}
	answer, wrong := reader.read(session, item.Key)
	if wrong != nil {
		return provider.Value{}, wrong
	}
	// The same key read with the same token is the same answer for everybody: it may be shared.
	value := provider.Value{Data: answer.Body, Shareable: true}
	if etag := answer.Header["etag"]; etag != "" {
		if item.KnownVersion.SomeOr("") == etag {
			wrong := claviger.MakeErrorNotModified()
			return provider.Value{}, &wrong
		}
		value.Version = wit.Some(etag)
	}
	return value, nil
}

// read asks for a key. What is no success is the error that the host acts on: choose it with care, since `not-found` may
// delete a Secret.
func (reader Reader) read(session provider.Session, key string) (Answer, *claviger.Error) {
	config, wrong := parse(session)
	if wrong != nil {
		return Answer{}, wrong
	}
	segments := strings.Split(key, "/")
	if slices.Contains(segments, ".") || slices.Contains(segments, "..") {
		wrong := claviger.MakeErrorOther("a key has no segments . or ..")
		return Answer{}, &wrong
	}
	for n, segment := range segments {
		segments[n] = url.PathEscape(segment)
	}
	header := map[string]string{}
	for _, slot := range session.Have {
		if slot.Slot == tokenSlot && slot.Value.Tag() == connection.Resolved_Bytes {
			// A line end is the editor's and not the token's.
			header["authorization"] = "Bearer " + strings.TrimRight(string(slot.Value.Bytes()), "\r\n")
		}
	}
	answer, err := reader.Send(Request{Method: "GET", URL: config.URL + "/" + strings.Join(segments, "/"), Header: header})
	if err != nil {
		wrong := claviger.MakeErrorUnavailable(err.Error())
		return Answer{}, &wrong
	}
	return answer, refusal(answer, fmt.Sprintf("%s: HTTP %d", key, answer.Status))
}

// refusal is nothing for a success.
func refusal(answer Answer, detail string) *claviger.Error {
	var wrong claviger.Error
	switch status := answer.Status; {
	case status >= 200 && status < 300:
		return nil
	case status == 404:
		wrong = claviger.MakeErrorNotFound(detail)
	case status == 401:
		wrong = claviger.MakeErrorUnauthenticated(detail)
	case status == 403:
		wrong = claviger.MakeErrorDenied(detail)
	case status == 429:
		limit := claviger.RateLimit{Detail: detail}
		if seconds, err := strconv.ParseUint(answer.Header["retry-after"], 10, 32); err == nil {
			limit.RetryAfterMs = wit.Some(seconds * 1000)
		}
		wrong = claviger.MakeErrorRateLimited(limit)
	case status >= 500:
		wrong = claviger.MakeErrorUnavailable(detail)
	default:
		wrong = claviger.MakeErrorOther(detail)
	}
	return &wrong
}
