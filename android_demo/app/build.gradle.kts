import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

// The harness reads this name from the installed app; docs/android.md says what it is made of.
val appVersion = "0.1.0"
val protocolVersion = 3
val executorchVersion = libs.versions.executorch.get()
val onnxruntimeVersion = libs.versions.onnxruntime.get()

android {
    namespace = "dev.mobiledeploy.demo"
    compileSdk = 36

    defaultConfig {
        applicationId = "dev.mobiledeploy.demo"
        minSdk = 26
        // What Google Play asks of new apps since August 2026.
        targetSdk = 36
        versionCode = 1
        versionName = "$appVersion+protocol.$protocolVersion" +
            ".executorch.$executorchVersion.onnxruntime.$onnxruntimeVersion"
        ndk {
            abiFilters += listOf("arm64-v8a", "x86_64")
        }
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(
                getDefaultProguardFile("proguard-android-optimize.txt"),
                "proguard-rules.pro",
            )
        }
        // What is measured: the release build, signed with the debug key, with the activity that runs
        // blocks and the provider that takes its files. Not debuggable: that would be measured under
        // CheckJNI.
        create("benchmark") {
            initWith(getByName("release"))
            signingConfig = signingConfigs.getByName("debug")
            matchingFallbacks += "release"
        }
    }

    androidResources {
        // Networks hardly shrink, and are copied out sooner as they are.
        noCompress += listOf("pte", "onnx")
    }

    packaging {
        jniLibs {
            // Both runtimes may bring it.
            pickFirsts += "**/libc++_shared.so"
        }
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    testOptions {
        unitTests.all { test ->
            test.systemProperty("fixtures", rootDir.resolve("../tests/fixtures").path)
            // gradle test -Dbundle=FOLDER also runs that bundle's networks.
            System.getProperty("bundle")?.let { test.systemProperty("bundle", it) }
        }
    }
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_17
    }
}

dependencies {
    implementation(libs.executorch.android)
    implementation(libs.onnxruntime.android)

    testImplementation(libs.junit)
    testImplementation(libs.kotlin.test)
    // For the JVM of the tests: Android's own org.json is signatures there, its natives are Arm's.
    testImplementation(libs.json)
    testImplementation(libs.onnxruntime.jvm)
}
