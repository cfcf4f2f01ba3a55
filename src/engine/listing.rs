//! What else there is: images, networks, volumes, disk use, and the engine itself.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::http::{LONG, SHORT, escape};
use super::model::{DiskUse, EngineInfo, Image, Layer, Network, State, Volume};
use super::raw::{Labels, clean, count, image_id, labels, moment, raw, time};
use super::{Engine, Result};

raw! {
    "PascalCase":
    struct RawImage { id: String, repo_tags: Vec<String>, repo_digests: Vec<String>, created: Value, size: i64, labels: Labels }
    struct RawNetwork {
        id: String, name: String, driver: String, scope: String, internal: bool, created: String, labels: Labels,
        options: Labels, ipam = "IPAM": RawIpam,
    }
    struct RawIpam { config: Vec<RawSubnet> }
    struct RawSubnet { subnet: String, gateway: String }
    struct RawVolumes { volumes: Vec<RawVolume> }
    struct RawVolume { name: String, driver: String, mountpoint: String, created_at: String, labels: Labels, usage_data: RawUsage }
    struct RawUsage { size: i64, ref_count: i64 }
    struct RawLayer { id: String, created: i64, created_by: String, size: i64, tags: Vec<String>, comment: String }
    struct RawDf {
        layers_size: i64, images: Vec<RawDfImage>, containers: Vec<RawDfContainer>, volumes: Vec<RawVolume>,
        build_cache: Vec<RawCache>, image_usage: RawDfUsage, container_usage: RawDfUsage, volume_usage: RawDfVolumes,
        build_cache_usage: RawDfUsage,
    }
    struct RawDfImage { size: i64, shared_size: i64, containers: i64 }
    struct RawDfContainer { size_rw: i64, state: String }
    struct RawCache { size: i64, in_use: bool, shared: bool }
    struct RawDfUsage { total_size: i64, reclaimable: i64 }
    struct RawDfVolumes { total_size: i64, reclaimable: i64, items: Vec<RawVolume> }
    struct RawVersion { version: String, api_version: String, min_api_version = "MinAPIVersion": String, arch: String, kernel_version: String, components: Vec<RawComponent> }
    struct RawComponent { name: String }
    struct RawInfo {
        id = "ID": String, name: String, operating_system: String, architecture: String, kernel_version: String,
        ncpu = "NCPU": u32, mem_total: i64, cgroup_driver: String, cgroup_version: String, driver: String,
        docker_root_dir: String, warnings: Vec<String>,
    }
}

impl Engine {
    /// What the engine says of itself.
    pub async fn info(&self) -> Result<EngineInfo> {
        let version: RawVersion = self.http.get("/version", SHORT).await?;
        // A proxy may let only one of the two pass; the version alone is worth having.
        let info: RawInfo = match self.http.get("/info", SHORT).await {
            Ok(info) => info,
            Err(e) if e.kind == super::ErrorKind::Forbidden => RawInfo::default(),
            Err(e) => return Err(e),
        };
        let podman = version.components.iter().any(|c| c.name.to_lowercase().contains("podman"));
        let or = |a: &str, b: &str| clean(if a.is_empty() { b } else { a });
        Ok(EngineInfo {
            product: if podman { "podman" } else { "docker" }.to_owned(),
            version: clean(&version.version),
            api_version: clean(&version.api_version),
            min_api_version: clean(&version.min_api_version),
            name: clean(&info.name),
            os: clean(&info.operating_system),
            kernel: or(&info.kernel_version, &version.kernel_version),
            arch: or(&info.architecture, &version.arch),
            cpus: info.ncpu,
            memory: count(info.mem_total),
            cgroup_driver: clean(&info.cgroup_driver),
            cgroup_version: clean(&info.cgroup_version),
            storage_driver: clean(&info.driver),
            root_dir: clean(&info.docker_root_dir),
            id: clean(&info.id),
            warnings: info.warnings.iter().map(|w| clean(w)).collect(),
        })
    }

    /// The same as the engine says it: `/version`, and `/info`, which is null where only the version is given.
    pub async fn whole_info(&self) -> Result<(Value, Value)> {
        let version = self.any("/version").await?;
        match self.any("/info").await {
            Ok(info) => Ok((version, info)),
            Err(e) if e.kind == super::ErrorKind::Forbidden => Ok((version, Value::Null)),
            Err(e) => Err(e),
        }
    }

    /// Whether the engine still answers.
    pub async fn ping(&self) -> Result<()> {
        self.http.send(hyper::Method::GET, "/_ping", SHORT).await.map(drop)
    }

    /// All images but intermediate ones.
    pub async fn images(&self) -> Result<Vec<Image>> {
        let raw: Vec<RawImage> = self.http.get("/images/json", SHORT).await?;
        let real = |tag: &String| tag != "<none>:<none>" && tag != "<none>@<none>";
        Ok(raw
            .into_iter()
            .map(|i| {
                let mut tags: Vec<String> = i.repo_tags.iter().filter(|t| real(t)).map(|t| clean(t)).collect();
                tags.sort();
                Image {
                    id: image_id(&i.id).into(),
                    tags,
                    digests: i.repo_digests.iter().filter(|t| real(t)).map(|t| clean(t)).collect(),
                    created: moment(&i.created),
                    size: count(i.size),
                    labels: labels(&i.labels),
                }
            })
            .collect())
    }

    /// All networks. Who is attached stands with the containers.
    pub async fn networks(&self) -> Result<Vec<Network>> {
        let raw: Vec<RawNetwork> = self.http.get("/networks", SHORT).await?;
        Ok(raw
            .into_iter()
            .map(|n| Network {
                id: clean(&n.id).into(),
                name: clean(&n.name),
                driver: clean(&n.driver),
                scope: clean(&n.scope),
                internal: n.internal,
                subnets: n.ipam.config.iter().map(|s| (clean(&s.subnet), clean(&s.gateway))).collect(),
                options: labels(&n.options),
                created: time(&n.created),
                labels: labels(&n.labels),
            })
            .collect())
    }

    /// All volumes.
    pub async fn volumes(&self) -> Result<Vec<Volume>> {
        let raw: RawVolumes = self.http.get("/volumes", SHORT).await?;
        Ok(raw
            .volumes
            .into_iter()
            .map(|v| Volume {
                name: clean(&v.name).into(),
                driver: clean(&v.driver),
                mountpoint: clean(&v.mountpoint),
                created: time(&v.created_at),
                labels: labels(&v.labels),
            })
            .collect())
    }

    /// Everything about an image, as the engine says it.
    pub async fn inspect_image(&self, id: &str) -> Result<Value> {
        self.any(&format!("/images/{}/json", escape(id))).await
    }

    /// Everything about a network.
    pub async fn inspect_network(&self, id: &str) -> Result<Value> {
        self.any(&format!("/networks/{}", escape(id))).await
    }

    /// Everything about a volume.
    pub async fn inspect_volume(&self, name: &str) -> Result<Value> {
        self.any(&format!("/volumes/{}", escape(name))).await
    }

    async fn any<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.http.get(path, SHORT).await
    }

    /// An image's layers, newest first.
    pub async fn history(&self, image: &str) -> Result<Vec<Layer>> {
        let raw: Vec<RawLayer> = self.any(&format!("/images/{}/history", escape(image))).await?;
        Ok(raw
            .into_iter()
            .map(|l| Layer {
                id: clean(&l.id),
                created: Timestamp::from_second(l.created).ok().filter(|t| t.as_second() > 0),
                created_by: clean(&l.created_by),
                size: count(l.size),
                tags: l.tags.iter().map(|t| clean(t)).collect(),
                comment: clean(&l.comment),
            })
            .collect())
    }

    /// Disk use by kind. The engine measures every volume for it, which can take seconds.
    pub async fn disk_use(&self) -> Result<DiskUse> {
        // Engines from 29 on give sums, and the parts only when asked for; older ones always give the parts.
        let raw: RawDf = self.http.get("/system/df?verbose=1", LONG).await?;
        Ok(disk_use(&raw))
    }
}

fn disk_use(raw: &RawDf) -> DiskUse {
    let volumes = if raw.volumes.is_empty() { &raw.volume_usage.items } else { &raw.volumes };
    let size = |v: &RawVolume| count(v.usage_data.size);
    let idle = |c: &&RawDfContainer| !State::parse(&c.state).is_up();
    let unused: u64 = raw
        .images
        .iter()
        .filter(|i| i.containers <= 0)
        .map(|i| count(i.size).saturating_sub(count(i.shared_size)))
        .sum();
    let own: Vec<&RawCache> = raw.build_cache.iter().filter(|c| !c.shared).collect();
    DiskUse {
        layers: count(raw.layers_size.max(raw.image_usage.total_size)),
        images_reclaimable: count(raw.image_usage.reclaimable).max(unused),
        containers: count(raw.container_usage.total_size).max(raw.containers.iter().map(|c| count(c.size_rw)).sum()),
        containers_reclaimable: count(raw.container_usage.reclaimable)
            .max(raw.containers.iter().filter(idle).map(|c| count(c.size_rw)).sum()),
        volumes: count(raw.volume_usage.total_size).max(volumes.iter().map(size).sum()),
        volumes_reclaimable: count(raw.volume_usage.reclaimable)
            .max(volumes.iter().filter(|v| v.usage_data.ref_count == 0).map(size).sum()),
        build_cache: count(raw.build_cache_usage.total_size).max(own.iter().map(|c| count(c.size)).sum()),
        build_cache_reclaimable: count(raw.build_cache_usage.reclaimable)
            .max(own.iter().filter(|c| !c.in_use).map(|c| count(c.size)).sum()),
        volume_sizes: volumes
            .iter()
            .filter(|v| v.usage_data.size >= 0)
            .map(|v| (clean(&v.name).into(), size(v)))
            .collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> DiskUse {
        disk_use(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn disk_use_is_summed_from_the_parts_of_older_engines() {
        let used = read(
            r#"{"LayersSize":900,
                "Images":[{"Size":500,"SharedSize":200,"Containers":0},{"Size":400,"SharedSize":-1,"Containers":2}],
                "Containers":[{"SizeRw":7,"State":"running"},{"SizeRw":5,"State":"exited"},{"State":"created"}],
                "Volumes":[{"Name":"a","UsageData":{"Size":30,"RefCount":0}},{"Name":"b","UsageData":{"Size":-1,"RefCount":-1}}],
                "BuildCache":[{"Size":10,"InUse":true,"Shared":false},{"Size":20,"InUse":false,"Shared":false},{"Size":9,"Shared":true}]}"#,
        );
        assert_eq!((used.layers, used.images_reclaimable), (900, 300));
        assert_eq!((used.containers, used.containers_reclaimable), (12, 5));
        assert_eq!((used.volumes, used.volumes_reclaimable), (30, 30));
        assert_eq!((used.build_cache, used.build_cache_reclaimable), (30, 20));
        assert_eq!(used.volume_sizes.into_iter().collect::<Vec<_>>(), [("a".into(), 30)]);
    }

    #[test]
    fn disk_use_is_taken_from_the_sums_of_newer_engines() {
        let used = read(
            r#"{"ImageUsage":{"TotalSize":900,"Reclaimable":300},"ContainerUsage":{"TotalSize":12,"Reclaimable":5},
                "VolumeUsage":{"TotalSize":30,"Reclaimable":30,"Items":[{"Name":"a","UsageData":{"Size":30,"RefCount":0}}]},
                "BuildCacheUsage":{"TotalSize":30,"Reclaimable":20},"Volumes":null}"#,
        );
        assert_eq!((used.layers, used.images_reclaimable, used.containers_reclaimable), (900, 300, 5));
        assert_eq!((used.volumes, used.build_cache_reclaimable), (30, 20));
        assert_eq!(used.volume_sizes.get("a"), Some(&30));
    }
}
