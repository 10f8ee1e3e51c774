package process

import (
	"encoding/json"
	"strings"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/cgroup"
)

// Docker's own description of a container.
const (
	dockerDir       = "/var/lib/docker/containers/"
	dockerFile      = "/config.v2.json"
	maxDockerConfig = 1 << 20
	maxDockerName   = 512
)

// container fills in name and image of a container of Docker. Other runtimes
// keep them in databases; there they stay unknown. The id is one that
// [cgroup.IsContainerID] accepts, so that it cannot lead out of the directory.
func (h *liveHost) container(c *event.Container) {
	if c.Runtime != "docker" || !cgroup.IsContainerID(c.ID) {
		return
	}
	data, err := h.fs.ReadFile(dockerDir+c.ID+dockerFile, maxDockerConfig)
	if err != nil {
		return
	}
	c.Name, c.Image = parseDocker(data)
}

// parseDocker reads name and image; both are "" for content of another form.
func parseDocker(data []byte) (name, image string) {
	var config struct {
		Name   string
		Config struct{ Image string }
	}
	if json.Unmarshal(data, &config) != nil {
		return "", ""
	}
	name = strings.TrimPrefix(config.Name, "/")
	image = config.Config.Image
	return name[:min(len(name), maxDockerName)], image[:min(len(image), maxDockerName)]
}
