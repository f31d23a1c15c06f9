package main

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// stageRoot is where the first stage of the Dockerfile has the folder that makeRoot writes.
const stageRoot = "/out"

// recipe is the last stage of a Dockerfile.
type recipe struct {
	copies []treeCopy
	config v1.Config
}

// treeCopy puts what is in a folder of the first stage into the image.
type treeCopy struct {
	from, to string
	uid, gid int
}

// readRecipe fails on whatever it would have to guess.
func readRecipe(path, version string) (*recipe, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return nil, err
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil, err
	}
	last := stages[len(stages)-1]
	if last.BaseName != "scratch" {
		return nil, fmt.Errorf("the last stage is from %s, not from scratch", last.BaseName)
	}
	r := &recipe{config: v1.Config{Labels: map[string]string{}, ExposedPorts: map[string]struct{}{}}}
	args := map[string]string{"VERSION": version}
	for _, command := range last.Commands {
		if e, ok := command.(instructions.SupportsSingleWordExpansion); ok {
			if err := e.Expand(expander(args)); err != nil {
				return nil, err
			}
		}
		if err := r.apply(command); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// expander fills in build arguments.
func expander(args map[string]string) instructions.SingleWordExpander {
	lex := shell.NewLex('\\')
	return func(word string) (string, error) {
		word, _, err := lex.ProcessWord(word, env(args))
		return word, err
	}
}

// env implements shell.EnvGetter.
type env map[string]string

func (e env) Get(name string) (string, bool) { value, ok := e[name]; return value, ok }

func (e env) Keys() (names []string) {
	for name := range e {
		names = append(names, name)
	}
	return names
}

func (r *recipe) apply(command instructions.Command) error {
	c := &r.config
	switch command := command.(type) {
	case *instructions.ArgCommand: // known: VERSION
	case *instructions.CopyCommand:
		return r.copy(command)
	case *instructions.EnvCommand:
		for _, pair := range command.Env {
			c.Env = append(c.Env, pair.Key+"="+pair.Value)
		}
	case *instructions.LabelCommand:
		for _, pair := range command.Labels {
			c.Labels[pair.Key] = pair.Value
		}
	case *instructions.ExposeCommand:
		for _, port := range command.Ports {
			c.ExposedPorts[port] = struct{}{}
		}
	case *instructions.UserCommand:
		c.User = command.User
	case *instructions.WorkdirCommand:
		c.WorkingDir = command.Path
	case *instructions.StopSignalCommand:
		c.StopSignal = command.Signal
	case *instructions.EntrypointCommand:
		c.Entrypoint = command.CmdLine
	case *instructions.CmdCommand:
		c.Cmd = command.CmdLine
	case *instructions.HealthCheckCommand:
		h := command.Health
		c.Healthcheck = &v1.HealthConfig{Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries}
	default:
		return fmt.Errorf("%s in the last stage: image does not know what an engine would make of it", command.Name())
	}
	return nil
}

func (r *recipe) copy(command *instructions.CopyCommand) error {
	if command.From == "" || len(command.SourcePaths) != 1 || !strings.HasPrefix(command.SourcePaths[0], stageRoot+"/") {
		return fmt.Errorf("%s: only a folder below %s of another stage can be copied", command, stageRoot)
	}
	c := treeCopy{from: strings.TrimPrefix(path.Clean(command.SourcePaths[0]), stageRoot+"/"), to: path.Clean(command.DestPath)}
	if command.Chown != "" {
		uid, gid, _ := strings.Cut(command.Chown, ":")
		var err error
		if c.uid, err = strconv.Atoi(uid); err != nil {
			return fmt.Errorf("%s: --chown takes numbers, for the image has no names yet: %w", command, err)
		}
		if c.gid, err = strconv.Atoi(gid); err != nil {
			return fmt.Errorf("%s: --chown takes uid:gid: %w", command, err)
		}
	}
	r.copies = append(r.copies, c)
	return nil
}

// image makes a layer of each copy.
func (r *recipe) image(root string, created time.Time) (v1.Image, error) {
	image := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
	for _, c := range r.copies {
		layer, err := c.layer(root, created)
		if err != nil {
			return nil, err
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer: layer, MediaType: types.OCILayer, History: v1.History{Created: v1.Time{Time: created}, CreatedBy: "COPY " + c.from + " " + c.to},
		})
		if err != nil {
			return nil, err
		}
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created, file.Config = "linux", architecture(), v1.Time{Time: created}, r.config
	return mutate.ConfigFile(image, file)
}
