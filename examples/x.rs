use keyless::*;
fn main(){
 let paths: Vec<std::path::PathBuf> = std::env::args().skip(1).map(Into::into).collect();
 let mut sources = source::Sources::default();
 let inputs = spec::variables::VariableInputs::new(vec![("num".into(),"1".into()),("off".into(),"true".into())], vec![], std::env::vars_os());
 let t = std::time::Instant::now();
 let (l, f) = spec::read(&paths, &inputs, &mut sources, std::io::stdin());
 eprintln!("{:?}", t.elapsed());
 println!("{}", render::diagnostic::render(&f, &sources, false));
 println!("{} loaded; {}", l.len(), render::diagnostic::summary(&f));
 for l in l { println!("{}", l.document.tree); }
}
