package plugin

import (
	"errors"
	"testing"

	connection "example.com/plugin-name/imports/claviger_plugin_connection"
	provider "example.com/plugin-name/imports/claviger_plugin_provider"
	claviger "example.com/plugin-name/imports/claviger_plugin_types"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

const stored = `{"url": "https://secrets.example/v1/", "tokenSecretRef": {"name": "login"}}`

// session is what the host hands to every call of a ClusterSecretStore.
func session(text, token string) connection.ConnectInput {
	session := connection.ConnectInput{Config: text, Requester: claviger.Requester{Namespace: "shop"}}
	if token != "" {
		value := connection.MakeResolvedBytes([]byte(token))
		session.Have = []connection.SlotValue{{Slot: "token", Value: value}}
	}
	return session
}

// get is the outcome of one item, and the request that was sent for it.
func get(t *testing.T, item provider.Item, answer Answer, err error) (wit.Result[provider.Value, claviger.Error], Request) {
	t.Helper()
	var sent Request
	reader := Reader{Send: func(request Request) (Answer, error) {
		sent = request
		return answer, err
	}}
	answers := reader.Get(session(stored, "t0ken\n"), []provider.Item{item}).Ok()
	if len(answers) != 1 {
		t.Fatalf("%d answers", len(answers))
	}
	return answers[0], sent
}

func TestTheTokenIsAskedForBeforeTheOriginIsNamed(t *testing.T) {
	need := Connect(session(stored, "")).Ok().Need()
	if at := need[0].Object().At; at != "/tokenSecretRef" {
		t.Error(at)
	}
	ready := Connect(session(stored, "t0ken")).Ok().Ready()
	if origin := ready.Origins[0]; origin.Url != "https://secrets.example" || origin.Paths[0] != "/v1/" {
		t.Error(origin)
	}
}

func TestWhoseTokenItIsDividesAClusterStore(t *testing.T) {
	for reference, expected := range map[string]string{`{"name":"a"}`: "shop", `{"name":"a","namespace":"b"}`: ""} {
		ready := Connect(session(`{"url":"https://a","tokenSecretRef":`+reference+`}`, "t0ken")).Ok().Ready()
		if partition := ready.Partition.SomeOr(""); partition != expected {
			t.Errorf("%s: %q", reference, partition)
		}
	}
	store := session(stored, "t0ken")
	store.Store.Namespace = wit.Some("shop")
	if Connect(store).Ok().Ready().Partition.IsSome() {
		t.Error("a SecretStore is its namespace's alone")
	}
}

func TestAKeyIsAPathAndTheETagItsVersion(t *testing.T) {
	answer := Answer{Status: 200, Header: map[string]string{"etag": `"7"`}, Body: []byte("\x00s3cret")}
	outcome, sent := get(t, provider.Item{Key: "a b/ü"}, answer, nil)
	if value := outcome.Ok(); string(value.Data) != "\x00s3cret" || value.Version.Some() != `"7"` {
		t.Error(value)
	}
	if sent.URL != "https://secrets.example/v1/a%20b/%C3%BC" || sent.Header["authorization"] != "Bearer t0ken" {
		t.Error(sent)
	}
	outcome, _ = get(t, provider.Item{Key: "a", KnownVersion: wit.Some(`"7"`)}, answer, nil)
	if tag := outcome.Err().Tag(); tag != claviger.Error_NotModified {
		t.Error(tag)
	}
}

func TestNoKeyLeadsElsewhere(t *testing.T) {
	for _, key := range []string{"..", "a/../b", "./a"} {
		outcome, sent := get(t, provider.Item{Key: key}, Answer{Status: 200}, nil)
		if outcome.Err().Tag() != claviger.Error_Other || sent.URL != "" {
			t.Error(key, sent)
		}
	}
}

func TestEachRefusalHasItsError(t *testing.T) {
	for status, expected := range map[int]uint8{
		404: claviger.Error_NotFound,
		401: claviger.Error_Unauthenticated,
		403: claviger.Error_Denied,
		429: claviger.Error_RateLimited,
		503: claviger.Error_Unavailable,
		302: claviger.Error_Other,
	} {
		answer := Answer{Status: status, Header: map[string]string{"retry-after": "7"}}
		outcome, _ := get(t, provider.Item{Key: "db"}, answer, nil)
		if tag := outcome.Err().Tag(); tag != expected {
			t.Errorf("HTTP %d: %d", status, tag)
		}
		if status == 429 && outcome.Err().RateLimited().RetryAfterMs.SomeOr(0) != 7000 {
			t.Error(outcome.Err().RateLimited())
		}
	}
	outcome, _ := get(t, provider.Item{Key: "db"}, Answer{}, errors.New("no answer"))
	if tag := outcome.Err().Tag(); tag != claviger.Error_Unavailable {
		t.Error(tag)
	}
}
