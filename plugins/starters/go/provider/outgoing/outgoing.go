// Package outgoing sends requests through the host's client. Which origins can be reached, and with which TLS, is what
// `connect` named. One request at a time, and it waits: the host runs as many instances as it needs.
package outgoing

import (
	"bytes"
	"errors"
	"net/url"
	"runtime"
	"strings"

	"example.com/plugin-name/imports/wasi_http_outgoing_handler"
	http "example.com/plugin-name/imports/wasi_http_types"
	"example.com/plugin-name/imports/wasi_io_streams"
	"example.com/plugin-name/plugin"
	witRuntime "go.bytecodealliance.org/pkg/wit/runtime"
	wit "go.bytecodealliance.org/pkg/wit/types"
)

const (
	// Nanoseconds to the first byte of an answer: below the host's own limit, so that the plugin still says something.
	firstByte = 15_000_000_000
	// A write takes 4096 bytes at most; a read takes what is there.
	most, chunk = 4096, 1 << 20
	// Bytes read after which what they left behind is collected: see main.go.
	collect = 4 << 20
)

// Bytes read since the last collection.
var uncollected int

var errNoAnswer = errors.New("no answer")

// Send sends a request and reads the whole answer.
func Send(request plugin.Request) (plugin.Answer, error) {
	if uncollected > collect {
		// What the host handed over is pinned until somebody says otherwise.
		witRuntime.Unpin()
		runtime.GC()
		uncollected = 0
	}
	parts, err := url.Parse(request.URL)
	if err != nil {
		return plugin.Answer{}, errNoAnswer
	}
	var entries []wit.Tuple2[string, []uint8]
	for name, value := range request.Header {
		entries = append(entries, wit.Tuple2[string, []uint8]{F0: name, F1: []uint8(value)})
	}
	fields := http.FieldsFromList(entries)
	if fields.IsErr() {
		return plugin.Answer{}, errNoAnswer
	}
	out := http.MakeOutgoingRequest(fields.Ok())
	out.SetMethod(http.MakeMethodOther(request.Method))
	out.SetScheme(wit.Some(scheme(parts.Scheme)))
	out.SetAuthority(wit.Some(parts.Host))
	out.SetPathWithQuery(wit.Some(parts.RequestURI()))
	options := http.MakeRequestOptions()
	options.SetFirstByteTimeout(wit.Some[uint64](firstByte))
	body := out.Body().Ok()
	handled := wasi_http_outgoing_handler.Handle(out, wit.Some(options))
	if handled.IsErr() {
		return plugin.Answer{}, errNoAnswer
	}
	future := handled.Ok()
	defer future.Drop()
	write(body, request.Body)
	ready := future.Subscribe()
	ready.Block()
	ready.Drop()
	if answered := future.Get().Some(); answered.IsOk() && answered.Ok().IsOk() {
		return read(answered.Ok().Ok())
	}
	return plugin.Answer{}, errNoAnswer
}

func scheme(name string) http.Scheme {
	if name == "http" {
		return http.MakeSchemeHttp()
	}
	return http.MakeSchemeHttps()
}

// An answer may come before the whole was taken, so what a write says does not matter.
func write(body *http.OutgoingBody, content []byte) {
	stream := body.Write().Ok()
	for len(content) > 0 {
		next := content[:min(most, len(content))]
		if stream.BlockingWriteAndFlush(next).IsErr() {
			break
		}
		content = content[len(next):]
	}
	stream.Drop()
	http.OutgoingBodyFinish(body, wit.None[*http.Fields]())
}

func read(response *http.IncomingResponse) (plugin.Answer, error) {
	defer response.Drop()
	answer := plugin.Answer{Status: int(response.Status()), Header: map[string]string{}}
	fields := response.Headers()
	for _, field := range fields.Entries() {
		answer.Header[strings.ToLower(field.F0)] = string(field.F1)
	}
	fields.Drop()
	body := response.Consume().Ok()
	defer body.Drop()
	stream := body.Stream().Ok()
	defer stream.Drop()
	var chunks [][]byte
	for {
		next := stream.BlockingRead(chunk)
		if next.IsErr() {
			if next.Err().Tag() == wasi_io_streams.StreamError_Closed {
				answer.Body = bytes.Join(chunks, nil)
				return answer, nil
			}
			return answer, errors.New("the answer broke off")
		}
		chunks = append(chunks, next.Ok())
		uncollected += len(next.Ok())
	}
}
