//! The jar for tests on a desktop and the AAR, in a folder that Gradle and Maven take as a repository.
//!
//! The AAR is put together from what its format names, and no Gradle runs: its tools need Google's
//! repository and an Android SDK, and do no more for a library without resources.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use roxmltree::{Document, Node};

use crate::{
    Report, Workshop,
    archive::{self, Entries},
    build::{self, ABIS, Build, MIN_SDK},
    say,
};

const GROUP: &str = "vn.nghisu";
const VERSION: &str = env!("CARGO_PKG_VERSION");

const JAR_MANIFEST: &str = "Manifest-Version: 1.0\r\nAutomatic-Module-Name: vn.nghisu\r\n\r\n";

/// JNA and the generated code find each other by name and by reflection.
const PROGUARD: &str = "\
# JNA's own code is called from its native half.
-dontwarn java.awt.**
-keep class com.sun.jna.** { *; }
-keep class * extends com.sun.jna.** { *; }
-keep class * implements com.sun.jna.** { *; }
# The generated functions are bound by their names, and structures are read field by field.
-keep class vn.nghisu.UniffiLib { *; }
-keep class vn.nghisu.IntegrityCheckingUniffiLib { *; }
-keepclassmembers class vn.nghisu.** extends com.sun.jna.Structure { *; }
-keepattributes RuntimeVisibleAnnotations,InnerClasses,EnclosingMethod,Signature
";

const AAR_METADATA: &str = "\
aarFormatVersion=1.0
aarMetadataVersion=1.0
minCompileSdk=1
minCompileSdkExtension=0
minAndroidGradlePluginVersion=1.0.0
coreLibraryDesugaringEnabled=false
";

/// Something that the packages depend on, as Maven names it.
struct Needed {
    group: String,
    artifact: String,
    version: String,
}

/// Makes the jar with the library for this machine inside.
pub(crate) fn jar(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let mut entries = classes(workshop)?;
    let path = Build::new(workshop, "cdylib").run()?;
    let library = fs::read(&path).with_context(|| path.display().to_string())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    entries.insert(format!("{}/{name}", jna_folder()), library);
    let folder = place(workshop, "nghisu-jvm");
    let made = folder.join(format!("nghisu-jvm-{VERSION}.jar"));
    archive::write(&made, &entries)?;
    let text = pom(workshop, "nghisu-jvm", "jar")?;
    archive::write_file(&made.with_extension("pom"), text)?;
    report.made(&made, "Kotlin, with the library for tests on this system");
    beside(workshop, &folder, "nghisu-jvm", report)
}

/// Makes the AAR with the library for each ABI that can be built here.
pub(crate) fn aar(workshop: &Workshop, report: &mut Report) -> Result<()> {
    let classes = classes(workshop)?;
    let mut entries = Entries::from([
        (
            "AndroidManifest.xml".to_owned(),
            android_manifest().into_bytes(),
        ),
        ("R.txt".to_owned(), Vec::new()),
        ("classes.jar".to_owned(), archive::bytes(&classes)?),
        ("proguard.txt".to_owned(), PROGUARD.into()),
        (
            "META-INF/com/android/build/gradle/aar-metadata.properties".to_owned(),
            AAR_METADATA.into(),
        ),
    ]);
    let mut abis = Vec::new();
    for abi in ABIS {
        if let Some(library) = build::android(workshop, abi, report)? {
            entries.insert(format!("jni/{}/libnghisu.so", abi.name), library);
            abis.push(abi.name);
        }
    }
    let folder = place(workshop, "nghisu-android");
    let made = folder.join(format!("nghisu-android-{VERSION}.aar"));
    archive::write(&made, &entries)?;
    let text = pom(workshop, "nghisu-android", "aar")?;
    archive::write_file(&made.with_extension("pom"), text)?;
    let what = if abis.is_empty() {
        "classes alone; it holds no library and does not run on a phone".to_owned()
    } else {
        format!("classes, and the library for {}", abis.join(", "))
    };
    report.made(&made, &what);
    beside(workshop, &folder, "nghisu-android", report)
}

/// Compiles the generated code and the facade with Maven, and returns what comes of it.
fn classes(workshop: &Workshop) -> Result<Entries> {
    if let Some(classes) = workshop.classes.get() {
        return Ok(classes.clone());
    }
    let generated = workshop.generated("kotlin");
    ensure!(
        generated.join("vn/nghisu/nghisu.kt").exists(),
        "the generated Kotlin is not in {}: run `.ci/test build bindings`",
        generated.display()
    );
    say("compiling Kotlin with Maven");
    let maven = if cfg!(windows) { "mvn.cmd" } else { "mvn" };
    let status = Command::new(maven)
        .args([
            "-B",
            "-ntp",
            "-q",
            "-Dstyle.color=never",
            "-Dmaven.test.skip=true",
            "-f",
        ])
        .arg(workshop.bindings().join("kotlin/pom.xml"))
        .arg("package")
        .status()
        .context("mvn does not run: install Maven and a JDK of version 17 or newer")?;
    ensure!(status.success(), "Maven could not build bindings/kotlin");
    let mut entries = archive::files(&built(workshop).join("classes"))?;
    entries.insert("META-INF/MANIFEST.MF".to_owned(), JAR_MANIFEST.into());
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let text = fs::read(workshop.root.join(licence)).context(licence)?;
        entries.insert(format!("META-INF/{licence}"), text);
    }
    Ok(workshop.classes.get_or_init(|| entries).clone())
}

/// Puts the jars of sources and documents, which Maven has made, beside a package.
fn beside(workshop: &Workshop, folder: &Path, artifact: &str, report: &mut Report) -> Result<()> {
    for (classifier, what) in [("sources", "sources"), ("javadoc", "documents")] {
        let from = built(workshop).join(format!("nghisu-{VERSION}-{classifier}.jar"));
        let made = folder.join(format!("{artifact}-{VERSION}-{classifier}.jar"));
        if !from.exists() {
            let name = made.file_name().unwrap_or_default().to_string_lossy();
            report.missing(&name, "bindings/kotlin/pom.xml does not make it");
            continue;
        }
        archive::write(&made, &archive::read(&from)?)?;
        report.made(&made, what);
    }
    Ok(())
}

/// Where Maven leaves what it builds.
fn built(workshop: &Workshop) -> PathBuf {
    workshop.root.join("target/ci/bindings/maven")
}

fn place(workshop: &Workshop, artifact: &str) -> PathBuf {
    let group = GROUP.replace('.', "/");
    workshop
        .out
        .join("maven")
        .join(group)
        .join(artifact)
        .join(VERSION)
}

/// The folder in a jar where JNA looks for a library of this machine.
fn jna_folder() -> String {
    let system = match env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    format!("{system}-{}", env::consts::ARCH.replace('_', "-"))
}

fn android_manifest() -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="{GROUP}">
    <uses-sdk android:minSdkVersion="{MIN_SDK}" />
    <uses-permission android:name="android.permission.INTERNET" />
</manifest>
"#
    )
}

/// Writes what Maven and Gradle read of a package. Android takes JNA as an AAR, with its libraries.
fn pom(workshop: &Workshop, artifact: &str, packaging: &str) -> Result<String> {
    use std::fmt::Write as _;

    let mut dependencies = String::new();
    for needed in needed(workshop)? {
        let Needed {
            group,
            artifact,
            version,
        } = needed;
        let is_android_jna = packaging == "aar" && artifact == "jna";
        let kind = if is_android_jna {
            "\n      <type>aar</type>"
        } else {
            ""
        };
        write!(
            dependencies,
            "
    <dependency>
      <groupId>{group}</groupId>
      <artifactId>{artifact}</artifactId>
      <version>{version}</version>{kind}
      <scope>compile</scope>
    </dependency>"
        )?;
    }
    Ok(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>{GROUP}</groupId>
  <artifactId>{artifact}</artifactId>
  <version>{VERSION}</version>
  <packaging>{packaging}</packaging>
  <licenses>
    <license><name>MIT</name></license>
    <license><name>Apache-2.0</name></license>
  </licenses>
  <dependencies>{dependencies}
  </dependencies>
</project>
"#
    ))
}

/// Reads what the Kotlin code needs when it runs from the file by which Maven builds it.
fn needed(workshop: &Workshop) -> Result<Vec<Needed>> {
    let path = workshop.bindings().join("kotlin/pom.xml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let document = Document::parse(&text)?;
    let root = document.root_element();
    let list = child(root, "dependencies").context("no dependencies")?;
    let mut needed = Vec::new();
    for node in list.children().filter(Node::is_element) {
        if text_of(node, "scope").is_some_and(|scope| scope != "compile") {
            continue;
        }
        let part = |name| {
            let text =
                text_of(node, name).with_context(|| format!("a dependency has no {name}"))?;
            let property = text
                .strip_prefix("${")
                .and_then(|text| text.strip_suffix('}'));
            let value = match property {
                Some(property) => child(root, "properties")
                    .and_then(|properties| text_of(properties, property))
                    .with_context(|| format!("the property {property} is not there"))?,
                None => text,
            };
            anyhow::Ok(value.to_owned())
        };
        needed.push(Needed {
            group: part("groupId")?,
            artifact: part("artifactId")?,
            version: part("version")?,
        });
    }
    Ok(needed)
}

fn child<'a, 'b>(node: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    node.children()
        .find(|child| child.tag_name().name() == name)
}

fn text_of<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name)?.text()
}
