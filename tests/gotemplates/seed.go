// What the External Secrets Operator makes of the reference document's ExternalSecrets (crds/tests/seed), whole:
// data, type, labels, annotations. Its own fake provider answers for every store, with what seed-values.json says
// of it, and its own template package renders; what its controller does around that is repeated here in the words of
// eso.md 2.4, since that package takes every provider's SDK along.
//
//	go run . seed ../../crds/tests/seed seed-values.json seed-expected.json
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	esv1 "github.com/external-secrets/external-secrets/apis/externalsecrets/v1"
	"github.com/external-secrets/external-secrets/pkg/controllers/templating"
	"github.com/external-secrets/external-secrets/pkg/esutils"
	"github.com/external-secrets/external-secrets/pkg/provider/fake"
	eso "github.com/external-secrets/external-secrets/pkg/template/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// By store and key: text, or an object whose JSON the key holds.
type seedValues map[string]map[string]json.RawMessage

func (v seedValues) store(name string) esv1.GenericStore {
	provider := &esv1.FakeProvider{}
	for _, key := range slices.Sorted(maps.Keys(v[name])) {
		raw := v[name][key]
		var text string
		if json.Unmarshal(raw, &text) != nil {
			var compact bytes.Buffer
			must(0, json.Compact(&compact, raw))
			text = compact.String()
		}
		provider.Data = append(provider.Data, esv1.FakeProviderData{Key: key, Value: text})
	}
	return &esv1.SecretStore{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       esv1.SecretStoreSpec{Provider: &esv1.SecretStoreProvider{Fake: provider}},
	}
}

func fetched(es *esv1.ExternalSecret, values seedValues) map[string][]byte {
	store := values.store(es.Spec.SecretStoreRef.Name)
	client := must((&fake.Provider{}).NewClient(context.Background(), store, nil, es.Namespace))
	data := map[string][]byte{}
	for _, entry := range es.Spec.Data {
		value := must(client.GetSecret(context.Background(), entry.RemoteRef))
		data[entry.SecretKey] = must(esutils.Decode(entry.RemoteRef.DecodingStrategy, value))
	}
	return data
}

func seedSecret(es *esv1.ExternalSecret, values seedValues) *corev1.Secret {
	check(len(es.Spec.DataFrom) == 0, "dataFrom is not made here: "+es.Name)
	target := es.Spec.Target
	check(target.CreationPolicy == "" || target.CreationPolicy == esv1.CreatePolicyOwner, "policy of "+es.Name)
	secret := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Name: target.Name, Namespace: es.Namespace,
			Labels: map[string]string{}, Annotations: map[string]string{},
		},
		// As the API server sets it.
		Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{},
	}
	data := fetched(es, values)
	if template := target.Template; template == nil {
		secret.Data = data
		esutils.MergeStringMap(secret.Labels, es.Labels)
		esutils.MergeStringMap(secret.Annotations, es.Annotations)
	} else {
		check(template.EngineVersion == esv1.TemplateEngineV2, "engine of "+es.Name)
		if template.Type != "" {
			secret.Type = template.Type
		}
		parser := templating.Parser{Exec: eso.Execute, DataMap: data, TargetSecret: secret}
		must(0, parser.MergeTemplateFrom(context.Background(), es.Namespace, template))
		must(0, parser.MergeMap(template.Data, esv1.TemplateTargetData))
		must(0, parser.MergeMap(template.Metadata.Labels, esv1.TemplateTargetLabels))
		must(0, parser.MergeMap(template.Metadata.Annotations, esv1.TemplateTargetAnnotations))
	}
	secret.Labels[esv1.LabelOwner] = esutils.ObjectHash(fmt.Sprintf("%v/%v", es.Namespace, es.Name))
	secret.Labels[esv1.LabelManaged] = esv1.LabelManagedValue
	secret.Annotations[esv1.AnnotationDataHash] = esutils.ObjectHash(secret.Data)
	return secret
}

func seed(dir, values, out string) {
	// The map that its engine reads.
	eso.FuncMap()["now"] = functions()["now"]
	var known seedValues
	must(0, json.Unmarshal(must(os.ReadFile(values)), &known))
	made := map[string]*corev1.Secret{}
	for _, file := range must(filepath.Glob(filepath.Join(dir, "*.yaml"))) {
		text := must(os.ReadFile(file))
		var es esv1.ExternalSecret
		must(0, yaml.Unmarshal(text, &es))
		if es.Kind != "ExternalSecret" {
			continue
		}
		made[strings.TrimSuffix(filepath.Base(file), ".yaml")] = seedSecret(&es, known)
	}
	if len(made) == 0 {
		log.Fatalf("no ExternalSecret in %s", dir)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	must(0, encoder.Encode(made))
	must(0, os.WriteFile(out, text.Bytes(), 0o644))
	fmt.Printf("%d ExternalSecrets\n", len(made))
}
