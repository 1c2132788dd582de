"""The packages are opened again, by other readers than those that wrote them."""

import hashlib
import os
import plistlib
import shutil
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree
import zipfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "target/ci/package"
OUT = ROOT / "target/ci/packages"
AGAIN = ROOT / "target/ci/packages-again"
EMPTY = ROOT / "target/ci/packages-empty"
VERSION = "0.1.0"
ANDROID = "{http://schemas.android.com/apk/res/android}"
POM = "{http://maven.apache.org/POM/4.0.0}"
ABIS = ("arm64-v8a", "armeabi-v7a", "x86_64")

EMPTY_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId>
  <artifactId>empty</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source>
    <maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <repositories>
    <repository><id>made</id><url>{repository}</url></repository>
  </repositories>
  <dependencies>
    <dependency>
      <groupId>vn.nghisu</groupId>
      <artifactId>nghisu-jvm</artifactId>
      <version>{version}</version>
    </dependency>
    <dependency>
      <groupId>org.junit.jupiter</groupId>
      <artifactId>junit-jupiter</artifactId>
      <version>5.13.4</version>
      <scope>test</scope>
    </dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-surefire-plugin</artifactId>
        <version>3.5.4</version>
      </plugin>
    </plugins>
  </build>
</project>
"""

EMPTY_TEST = """import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class EmptyTest {
    @Test
    void theLibraryIsLoadedFromInsideTheJar() {
        assertEquals("%s", vn.nghisu.NghisuKt.version());
    }
}
"""


def package(*arguments, **environment):
    """Runs the tool, and returns what it says."""
    without_kits = {name: value for name, value in os.environ.items() if not name.startswith("ANDROID_NDK")}
    run = subprocess.run(
        [TOOL, *arguments],
        cwd=ROOT,
        env=without_kits | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(run.stdout, flush=True)
    return run.returncode, run.stdout


def made(artifact, ending, out=OUT):
    return out / f"maven/vn/nghisu/{artifact}/{VERSION}/{artifact}-{VERSION}{ending}"


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for folder in (OUT, AGAIN, EMPTY):
            shutil.rmtree(folder, ignore_errors=True)
        cls.status, cls.said = package("all")

    def test_what_can_be_made_is_made_and_what_is_missing_is_named(self):
        self.assertEqual(self.status, 0)
        for abi in ABIS:
            self.assertRegex(self.said, rf"missing  {abi}/libnghisu\.so: no NDK; install one")
        self.assertIn("classes alone; it holds no library and does not run on a phone", self.said)

    def test_the_tool_fails_where_everything_is_required(self):
        status, said = package("apple", "--require-all", "--out", str(EMPTY))

        self.assertEqual(status, 1)
        self.assertRegex(said, r"missing  ios-arm64-simulator: ")
        self.assertIn("failed   parts are missing, and all were required", said)

    def test_the_jar_holds_the_classes_and_the_library(self):
        with zipfile.ZipFile(made("nghisu-jvm", ".jar")) as jar:
            self.assertIsNone(jar.testzip())
            names = jar.namelist()
            libraries = [name for name in names if name.endswith(".so")]
            library = jar.read(libraries[0])

        self.assertEqual(names[0], "META-INF/MANIFEST.MF")
        self.assertEqual(len(libraries), 1)
        self.assertRegex(libraries[0], r"^linux-(x86-64|aarch64)/libnghisu\.so$")
        self.assertEqual(library[:4], b"\x7fELF")
        for name in ("vn/nghisu/Device.class", "vn/nghisu/DevicesKt.class", "vn/nghisu/NoteScreen.class"):
            self.assertIn(name, names)

    def test_the_aar_is_what_gradle_expects(self):
        with zipfile.ZipFile(made("nghisu-android", ".aar")) as aar:
            self.assertIsNone(aar.testzip())
            names = set(aar.namelist())
            manifest = ElementTree.fromstring(aar.read("AndroidManifest.xml"))
            classes = zipfile.ZipFile(BytesIO(aar.read("classes.jar")))
            rules = aar.read("proguard.txt").decode()

        self.assertLessEqual({"AndroidManifest.xml", "R.txt", "classes.jar", "proguard.txt"}, names)
        self.assertEqual(manifest.tag, "manifest")
        self.assertEqual(manifest.get("package"), "vn.nghisu")
        self.assertEqual(manifest.find("uses-sdk").get(f"{ANDROID}minSdkVersion"), "24")
        self.assertFalse([name for name in classes.namelist() if name.endswith(".so")])
        kept = [line.split()[2] for line in rules.splitlines() if line.startswith("-keep class vn.nghisu.")]
        self.assertTrue(kept)
        for name in kept:
            self.assertIn(name.replace(".", "/") + ".class", classes.namelist())

    def test_a_package_names_what_it_needs(self):
        for artifact, kind in (("nghisu-jvm", None), ("nghisu-android", "aar")):
            pom = ElementTree.parse(made(artifact, ".pom")).getroot()
            needed = {
                node.find(f"{POM}artifactId").text: node.find(f"{POM}type")
                for node in pom.iter(f"{POM}dependency")
            }
            self.assertEqual(set(needed), {"kotlin-stdlib", "kotlinx-coroutines-core", "jna"})
            self.assertEqual(None if needed["jna"] is None else needed["jna"].text, kind)
            self.assertEqual(pom.find(f"{POM}version").text, VERSION)

    def test_an_empty_project_loads_the_library_from_inside_the_jar(self):
        test = EMPTY / "src/test/java/EmptyTest.java"
        test.parent.mkdir(parents=True)
        test.write_text(EMPTY_TEST % VERSION)
        repository = (OUT / "maven").as_uri()
        (EMPTY / "pom.xml").write_text(EMPTY_POM.format(repository=repository, version=VERSION))
        # Maven keeps what it has once taken from a repository.
        shutil.rmtree(Path.home() / ".m2/repository/vn/nghisu", ignore_errors=True)

        run = subprocess.run(
            ["mvn", "-B", "-ntp", "-q", "-Dstyle.color=never", "-f", EMPTY / "pom.xml", "test"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

        self.assertEqual(run.returncode, 0, run.stdout)
        report = next((EMPTY / "target/surefire-reports").glob("*.xml"))
        suite = ElementTree.parse(report).getroot()
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("errors")), ("1", "0", "0"))

    def test_the_same_sources_give_the_same_bytes(self):
        status, _ = package("all", "--out", str(AGAIN))

        self.assertEqual(status, 0)
        first, second = digests(OUT / "maven"), digests(AGAIN / "maven")
        self.assertTrue(first)
        self.assertEqual(first, second)

    def test_the_privacy_manifest_is_a_property_list_with_reasons(self):
        path = ROOT / "bindings/swift/Sources/Nghisu/PrivacyInfo.xcprivacy"
        manifest = plistlib.loads(path.read_bytes())

        self.assertIs(manifest["NSPrivacyTracking"], False)
        for asked in manifest["NSPrivacyAccessedAPITypes"]:
            self.assertTrue(asked["NSPrivacyAccessedAPITypeReasons"])

    def test_an_xcframework_lists_what_it_holds(self):
        path = OUT / "NghisuCoreFFI.xcframework/Info.plist"
        if not path.exists():
            self.assertRegex(self.said, r"missing  ios-arm64: ")
            return
        info = plistlib.loads(path.read_bytes())
        self.assertEqual(info["CFBundlePackageType"], "XFWK")
        for library in info["AvailableLibraries"]:
            folder = path.parent / library["LibraryIdentifier"]
            self.assertTrue((folder / library["LibraryPath"]).read_bytes().startswith(b"!<arch>"))
            self.assertTrue((folder / library["HeadersPath"] / "NghisuCoreFFI.h").exists())
            self.assertTrue((folder / library["HeadersPath"] / "module.modulemap").exists())


if __name__ == "__main__":
    unittest.main()
