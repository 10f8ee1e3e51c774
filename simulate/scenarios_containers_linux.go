package simulate

import "context"

// The scenarios of this file play what happens on a container host or a node of
// a cluster. No container is started and nothing is asked of a daemon: programs
// are stand-ins, and "in a container" means below a copy of the shell that is
// named like the process that containers descend from.

const belowShim = "The program runs below a copy of the shell named containerd-shim-runc-v2, as in a container. "

var minerImage = Scenario{
	Name:      "miner-image",
	Title:     "a container with a miner's image is started",
	AlertType: "VM_MinerInContainerImage",
	Summary:   "Runs a program named docker that is told to run an image named xmrig. " + harmless,
	Run:       standIn("docker", "run", "-d", "--name", "{token}", "example.invalid/xmrig:latest"),
}

var exposedDocker = Scenario{
	Name:      "exposed-docker",
	Title:     "a container daemon answers on the network",
	AlertType: "VM_ExposedDocker",
	Summary:   "Runs a program named dockerd with an open address in its options. Nothing listens. " + harmless,
	Run:       standIn("dockerd", "--host=tcp://0.0.0.0:2375", "--data-root", "{dir}/data"),
}

var privilegedContainerCommand = Scenario{
	Name:      "privileged-container-command",
	Title:     "a command enters the host from a container",
	AlertType: "VM_PrivilegedExecutionInContainer",
	Summary:   "Runs a program named nsenter with the options that enter the host's namespaces. " + belowShim + harmless,
	Run:       inContainer("nsenter", "--target 1 --mount --pid -- id"),
}

var privilegedContainerExec = Scenario{
	Name:      "privileged-container-exec",
	Title:     "a container's command gets all privileges",
	AlertType: "VM_PrivilegedExecutionInContainer",
	Summary:   "Runs a program named docker that is told to exec with --privileged. " + harmless,
	Run:       standIn("docker", "exec", "--privileged", "{token}", "sh"),
}

var containerSSH = Scenario{
	Name:      "container-ssh",
	Title:     "an SSH server runs in a container",
	AlertType: "VM_ContainerSSH",
	Summary:   "Runs a program named sshd. Nothing listens. " + belowShim + harmless,
	Run:       inContainer("sshd", "-D -p 2222"),
}

var imageBuiltOnNode = Scenario{
	Name:      "image-built-on-node",
	Title:     "an image is built on a node of a cluster",
	AlertType: "VM_ImageBuildOnNode",
	Summary:   "Runs a program named kubelet, and then one named docker that is told to build an image. " + harmless,
	Run: func(ctx context.Context, s *Stage) error {
		if err := standIn("kubelet", "--config={dir}/config")(ctx, s); err != nil {
			return err
		}
		return standIn("docker", "build", "-t", "{token}:1", "{dir}")(ctx, s)
	},
}

var kubernetesAPI = Scenario{
	Name:      "kubernetes-api-request",
	Title:     "the secrets of a cluster are asked for by hand",
	AlertType: "VM_KubernetesAPI",
	Summary:   "Runs a program named curl with a cluster's address below a name that never exists. " + harmless,
	Run:       standIn("curl", "-sk", "https://{token}.invalid:6443/api/v1/namespaces/default/secrets"),
}

var kubernetesDashboard = Scenario{
	Name:      "kubernetes-dashboard-request",
	Title:     "the dashboard of a cluster is asked for its secrets",
	AlertType: "VM_KubernetesDashboard",
	Summary:   "Runs a program named curl with the dashboard's address. " + harmless,
	Run:       standIn("curl", "-sk", "https://kubernetes-dashboard.kubernetes-dashboard.svc/api/v1/secret/{token}"),
}

var containerNamespace = Scenario{
	Name:      "container-namespace",
	Title:     "a container makes a namespace of its own",
	AlertType: "K8S.NODE_NamespaceCreation",
	Summary: belowShim + "There unshare(1) runs true(1) in a user namespace of its own, or fails to where the kernel " +
		"refuses it.",
	Needs: []Need{NeedProgram("unshare")},
	Run:   belowRuntime(`unshare --user --map-root-user true`),
}

var kubeletConfiguration = Scenario{
	Name:      "kubelet-configuration-read",
	Title:     "the node's proof of identity is reached for",
	AlertType: "K8S.NODE_KubeConfigAccess",
	Summary:   "Runs a program named cat with the name of the kubelet's file, which is not opened. " + harmless,
	Run:       standIn("cat", "/etc/kubernetes/kubelet.conf"),
}

var cloudMetadata = Scenario{
	Name:      "cloud-metadata-request",
	Title:     "a container asks for the host's identity in the cloud",
	AlertType: "K8S.NODE_ImdsCall",
	Summary:   "Runs a program named curl with the address of the cloud's metadata service. " + belowShim + harmless,
	Run:       inContainer("curl", "-s -H Metadata:true http://169.254.169.254/metadata/identity/oauth2/token"),
}

// inContainer returns the play of a scenario that runs a stand-in of a tool as
// if it were in a container. The arguments go through the shell.
func inContainer(tool, args string) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error {
		path, err := s.StandIn(tool)
		if err != nil {
			return err
		}
		return belowRuntime(path+" "+args)(ctx, s)
	}
}

// belowRuntime returns the play of a scenario that runs a text with a shell
// named like the process that containers descend from.
func belowRuntime(text string) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error {
		shim, err := s.Copy("sh", s.Path("containerd-shim-runc-v2"))
		if err != nil {
			return err
		}
		// What follows keeps the shell from becoming the command itself.
		return s.Exec(ctx, shim, "-c", text+"; :", s.Token)
	}
}
