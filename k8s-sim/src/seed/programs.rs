//! The programs that seeded StatefulSets and DaemonSets run.

/// A program with the versions of its image, oldest first.
pub struct Program {
    pub name: &'static str,
    repository: &'static str,
    versions: [&'static str; 3],
    pub port: i32,
}

pub const STATEFUL: [Program; 6] = [
    Program {
        name: "postgres",
        repository: "docker.io/library/postgres",
        versions: ["16.2", "16.3", "16.4"],
        port: 5432,
    },
    Program {
        name: "redis",
        repository: "docker.io/library/redis",
        versions: ["7.2.4", "7.2.5", "7.4.1"],
        port: 6379,
    },
    Program {
        name: "kafka",
        repository: "docker.io/apache/kafka",
        versions: ["3.7.0", "3.7.1", "3.8.0"],
        port: 9092,
    },
    Program {
        name: "rabbitmq",
        repository: "docker.io/library/rabbitmq",
        versions: ["3.12.14", "3.13.6", "3.13.7"],
        port: 5672,
    },
    Program {
        name: "elasticsearch",
        repository: "docker.elastic.co/elasticsearch/elasticsearch",
        versions: ["8.14.3", "8.15.1", "8.15.2"],
        port: 9200,
    },
    Program {
        name: "mongodb",
        repository: "docker.io/library/mongo",
        versions: ["7.0.11", "7.0.12", "7.0.14"],
        port: 27017,
    },
];

pub const DAEMONS: [Program; 4] = [
    Program {
        name: "fluent-bit",
        repository: "cr.fluentbit.io/fluent/fluent-bit",
        versions: ["3.0.7", "3.1.4", "3.1.9"],
        port: 2020,
    },
    Program {
        name: "node-exporter",
        repository: "quay.io/prometheus/node-exporter",
        versions: ["v1.7.0", "v1.8.1", "v1.8.2"],
        port: 9100,
    },
    Program {
        name: "kube-proxy",
        repository: "registry.k8s.io/kube-proxy",
        versions: ["v1.36.1", "v1.36.2", "v1.36.3"],
        port: 10249,
    },
    Program {
        name: "node-local-dns",
        repository: "registry.k8s.io/dns/k8s-dns-node-cache",
        versions: ["1.22.28", "1.23.0", "1.23.1"],
        port: 9253,
    },
];

impl Program {
    /// The image of the latest version.
    pub fn image(&self) -> String {
        self.images().pop().unwrap_or_default()
    }

    fn images(&self) -> Vec<String> {
        let image = |version| format!("{}:{version}", self.repository);
        self.versions.into_iter().map(image).collect()
    }
}

/// The images that a program had before this one, oldest first.
pub fn earlier_images(image: &str) -> Vec<String> {
    for program in STATEFUL.iter().chain(&DAEMONS) {
        let mut images = program.images();
        if let Some(at) = images.iter().position(|known| known == image) {
            images.truncate(at);
            return images;
        }
    }
    Vec::new()
}
