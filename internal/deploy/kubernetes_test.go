package deploy

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/loom-gateway/loom/internal/freeport"
)

const (
	manifests = "examples/kubernetes"
	validator = "bin/kubernetes-venv/bin/kubernetes-validate" // .ci/setup puts it there, with the schemas of each version
)

// TestKubernetesSchemas asks Kubernetes' own schemas, strictly: the oldest version with the sleep of preStop, and a late one.
func TestKubernetesSchemas(t *testing.T) {
	t.Parallel()
	program := need(t, filepath.Join(root, validator), "the manifests against Kubernetes' schemas")
	for _, version := range []string{"1.30", "1.36"} {
		for _, path := range manifestFiles(t) {
			if out, err := exec.Command(program, "--strict", "-k", version, path).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", version, err, out)
			}
		}
	}
}

func manifestFiles(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, manifests, "*.yaml"))
	if err != nil || len(paths) < 4 {
		t.Fatalf("%q, %v", paths, err)
	}
	return paths
}

type labels = map[string]string

// The fields of the manifests that have to agree.
type (
	deployment struct {
		Spec struct {
			Selector struct{ MatchLabels labels }
			Template struct {
				Metadata struct{ Labels, Annotations labels }
				Spec     pod
			}
		}
	}
	pod struct {
		TerminationGracePeriodSeconds int
		SecurityContext               struct{ RunAsUser, FSGroup int }
		Containers                    []struct {
			Ports []struct {
				Name          string
				ContainerPort int
			}
			StartupProbe, LivenessProbe, ReadinessProbe struct{ HTTPGet struct{ Path, Port string } }
			Lifecycle                                   struct {
				PreStop struct{ Sleep struct{ Seconds int } }
			}
			VolumeMounts []struct{ MountPath string }
		}
		Volumes []struct{ ConfigMap struct{ Name string } }
	}
	service struct {
		Spec struct {
			Selector labels
			Ports    []struct{ TargetPort string }
		}
	}
	selecting struct {
		Spec struct {
			Selector, PodSelector struct{ MatchLabels labels }
		}
	}
)

// manifest reads one; what it does not look at is the schemas' business.
func manifest[T any](t *testing.T, name string) (m T) {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(root, manifests, name))), &value); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(value) // whose decoder does not mind the case of keys
	if err != nil {
		t.Fatal(err)
	}
	decode(t, data, &m)
	return m
}

func TestKubernetesAgrees(t *testing.T) {
	t.Parallel()
	d := manifest[deployment](t, "deployment.yaml").Spec
	for where, selector := range map[string]labels{
		"deployment": d.Selector.MatchLabels, "service": manifest[service](t, "service.yaml").Spec.Selector,
		"budget": manifest[selecting](t, "poddisruptionbudget.yaml").Spec.Selector.MatchLabels,
		"policy": manifest[selecting](t, "networkpolicy.yaml").Spec.PodSelector.MatchLabels,
	} {
		if len(selector) == 0 {
			t.Errorf("the %s selects everything", where)
		}
		for key, value := range selector {
			if d.Template.Metadata.Labels[key] != value {
				t.Errorf("the %s does not select the pods: %s is %s", where, key, d.Template.Metadata.Labels[key])
			}
		}
	}
	p := d.Template.Spec
	if p.SecurityContext.RunAsUser != 65532 || p.SecurityContext.FSGroup != 65532 {
		t.Errorf("the image's user is 65532, the pod's are %+v", p.SecurityContext)
	}
	if p.Volumes[0].ConfigMap.Name != manifest[struct{ Metadata struct{ Name string } }](t, "configmap.yaml").Metadata.Name {
		t.Errorf("the document comes from %+v", p.Volumes[0])
	}
	mounts := map[string]bool{}
	for _, m := range p.Containers[0].VolumeMounts {
		mounts[m.MountPath] = true
	}
	for _, path := range []string{"/etc/loom", "/data", "/config", "/tmp"} {
		if !mounts[path] {
			t.Errorf("nothing is mounted at %s", path)
		}
	}
}

// ports are the pod's, by name.
func (p pod) ports() map[string]int {
	ports := map[string]int{}
	for _, port := range p.Containers[0].Ports {
		ports[port.Name] = port.ContainerPort
	}
	return ports
}

// The document is one that the gateway takes, listens where the pod says so, answers the probes as the kubelet asks them, and ends
// before the pod's patience does.
func TestKubernetesRuns(t *testing.T) {
	t.Parallel()
	d := manifest[deployment](t, "deployment.yaml").Spec
	p := d.Template.Spec
	document := manifest[struct{ Data labels }](t, "configmap.yaml").Data["loom.yaml"]
	ports := p.ports()
	if d.Template.Metadata.Annotations["prometheus.io/port"] != "9091" || ports["admin"] != 9091 || ports["http"] != 8080 {
		t.Errorf("ports %v, annotations %v", ports, d.Template.Metadata.Annotations)
	}
	http8080, admin9091 := freeport.Port(t), freeport.Port(t)
	replaced := strings.NewReplacer(`":8080"`, `"127.0.0.1:`+http8080+`"`, `":9091"`, `"127.0.0.1:`+admin9091+`"`).Replace(document)
	if strings.Count(replaced, "127.0.0.1") != 2 {
		t.Fatalf("the document does not listen on :8080 and :9091:\n%s", document)
	}
	path := filepath.Join(t.TempDir(), "loom.yaml")
	write(t, path, replaced)
	checkGrace(t, path, p)

	start(t, nil, "run", "--config", path)
	c := p.Containers[0]
	for name, probe := range map[string]struct{ Path, Port string }{
		"startup": c.StartupProbe.HTTPGet, "liveness": c.LivenessProbe.HTTPGet, "readiness": c.ReadinessProbe.HTTPGet,
		"metrics": {d.Template.Metadata.Annotations["prometheus.io/path"], "admin"},
	} {
		if probe.Port != "admin" || !eventually(func() bool { return answers(t, "http://127.0.0.1:"+admin9091+probe.Path, "10.1.2.3:9091") }) {
			t.Errorf("the %s probe %+v gets no 200", name, probe)
		}
	}
	for _, port := range manifest[service](t, "service.yaml").Spec.Ports {
		if ports[port.TargetPort] != 8080 {
			t.Errorf("the service sends to %s, which is %d", port.TargetPort, ports[port.TargetPort])
		}
	}
}

// checkGrace adds up what a pod does when it is told to go.
func checkGrace(t *testing.T, document string, p pod) {
	t.Helper()
	out, err := run(t, nil, "adapt", "--config", document)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var config struct {
		Apps struct {
			HTTP struct {
				GracePeriod time.Duration `json:"grace_period"`
			}
		}
	}
	decode(t, []byte(out[strings.Index(out, `{"a`):]), &config)
	sleep := time.Duration(p.Containers[0].Lifecycle.PreStop.Sleep.Seconds) * time.Second
	patience := time.Duration(p.TerminationGracePeriodSeconds) * time.Second
	if grace := config.Apps.HTTP.GracePeriod; sleep == 0 || grace == 0 || patience < sleep+grace+5*time.Second {
		t.Errorf("a pod has %s: it sleeps %s, and the gateway waits %s for its requests", patience, sleep, grace)
	}
}

func answers(t *testing.T, url, host string) bool {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
