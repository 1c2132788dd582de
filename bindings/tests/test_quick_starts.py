"""The quick starts of the readme, copied into empty projects that have the packages and nothing else."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BINDINGS = Path(__file__).parents[1]
TARGET = BINDINGS.parent / "target/ci"
sys.path.insert(0, str(BINDINGS / "python/tests"))

from office import Office  # noqa: E402

PRINTED = "1 Khai mạc\n2 Dự toán ngân sách\nchanged: Hỏi về kinh phí\n"

#: A program that has `QuickStart.kt` and the package. The versions are those that the package was built with.
POM = """
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId>
  <artifactId>app</artifactId>
  <version>1</version>
  <properties>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
    <kotlin.compiler.jvmTarget>17</kotlin.compiler.jvmTarget>
    <kotlin.compiler.daemon>false</kotlin.compiler.daemon>
  </properties>
  <dependencies>
    <dependency>
      <groupId>vn.nghisu</groupId>
      <artifactId>nghisu</artifactId>
      <version>{version}</version>
    </dependency>
  </dependencies>
  <build>
    <sourceDirectory>.</sourceDirectory>
    <plugins>
      <plugin>
        <groupId>org.jetbrains.kotlin</groupId>
        <artifactId>kotlin-maven-plugin</artifactId>
        <version>{kotlin}</version>
        <executions>
          <execution>
            <goals><goal>compile</goal></goals>
          </execution>
        </executions>
      </plugin>
    </plugins>
  </build>
</project>
"""

#: What an activity does on a phone.
MAIN = """
suspend fun main(arguments: Array<String>) = org.example.quickStart(arguments[0], arguments[1])
"""


class QuickStartsTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.project = self.folder / "project"
        self.project.mkdir()
        self.office = Office(self.folder / "office")
        self.addCleanup(self.office.stop)

    def run_here(self, *command: str | Path, **environment: str) -> str:
        done = subprocess.run(
            command, cwd=self.project, env={**os.environ, **environment}, text=True, capture_output=True, encoding="utf-8"
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def shown(self, language: str) -> str:
        """Returns the program that stands in the readme in this language."""
        (program,) = re.findall(f"```{language}\n(.*?)```", (BINDINGS / "README.md").read_text(), re.DOTALL)
        self.assertLess(len(program.splitlines()), 30)
        return program

    def test_the_kotlin_quick_start_runs_in_an_empty_project(self) -> None:
        pom = BINDINGS / "kotlin/pom.xml"
        version, kotlin = [
            re.search(f"<{name}>(.*?)</{name}>", pom.read_text())[1] for name in ("version", "kotlin.version")
        ]
        repository = self.repository(pom, version)
        (self.project / "pom.xml").write_text(POM.format(version=version, kotlin=kotlin))
        (self.project / "QuickStart.kt").write_text(self.shown("kotlin"))
        (self.project / "Main.kt").write_text(MAIN)

        maven = ["mvn", "-B", "-ntp", "-q", "-Dstyle.color=never", f"-Dmaven.repo.local={repository}"]
        self.run_here(*maven, "compile", "dependency:build-classpath", "-Dmdep.outputFile=classpath")
        classpath = f"target/classes:{(self.project / 'classpath').read_text()}"
        java = ["java", f"-Djna.library.path={TARGET}", "-Dfile.encoding=UTF-8", "-cp", classpath, "MainKt"]
        printed = self.run_here(*java, self.folder, self.office.invitation("alice"))

        self.assertEqual(printed, PRINTED)

    def repository(self, pom: Path, version: str) -> Path:
        """Makes a throw-away repository with the package in it; what comes from elsewhere stays where it is kept."""
        jar = TARGET / f"bindings/maven/nghisu-{version}.jar"
        self.assertTrue(jar.exists(), "`mvn package` makes it")
        kept = Path.home() / ".m2/repository"
        repository = self.folder / "repository"
        own = repository / "vn/nghisu/nghisu" / version
        own.mkdir(parents=True)
        for group in kept.iterdir():
            if group.name != "vn" and group.is_dir():
                (repository / group.name).symlink_to(group)
        shutil.copy(jar, own)
        shutil.copy(pom, own / f"nghisu-{version}.pom")
        return repository

    def test_the_python_quick_start_runs_in_an_empty_folder(self) -> None:
        for part in (TARGET / "bindings/python/nghisu.py", TARGET / "libnghisu.so", BINDINGS / "python/nghisu_device.py"):
            shutil.copy(part, self.project)
        (self.project / "quick_start.py").write_text(self.shown("python"))

        # Isolated: nothing but the folder of the program and Python's own is on the path.
        command = [sys.executable, "-B", "quick_start.py", self.folder / "device", self.office.invitation("alice")]
        printed = self.run_here(*command, PYTHONPATH="", PYTHONUTF8="1")

        self.assertEqual(printed, PRINTED)
